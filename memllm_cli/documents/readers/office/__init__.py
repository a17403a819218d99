"""Files of office programs and books: archives of XML, read without running anything that is in them."""
