"""The national hospital interface (医保定点医药机构接口), translated at the edge."""
