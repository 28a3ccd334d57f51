"""Outside banks (外部银行): orders to banks that keep their customers' accounts themselves."""
