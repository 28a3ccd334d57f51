"""The national hospital interface (定点医药机构接口规范), translated at the edge."""
