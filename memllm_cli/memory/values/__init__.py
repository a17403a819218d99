"""What facts are made of: names, literal values, days, relations. Pure."""
