"""Going through what waits for a person's word: the list and its actions, apart from the screen that shows them."""
