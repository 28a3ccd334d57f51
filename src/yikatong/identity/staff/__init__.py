"""Staff (工作人员): accounts, roles by region, password and second factor, sessions."""
