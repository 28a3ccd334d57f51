"""Changes of a person's data (个人信息变更): contact at once, name and id number by two persons."""
