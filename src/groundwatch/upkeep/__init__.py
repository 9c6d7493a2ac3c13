"""What operators do to a server's stores: back them up, restore them, and find out what is wrong with them."""
