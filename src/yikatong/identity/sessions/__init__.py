"""Sessions (登录会话) of persons: begun by a proof, listed for the person, ended by anyone's wish."""
