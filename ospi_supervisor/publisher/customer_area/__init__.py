"""The customer area (« Espace utilisateur »): where customers fetch their releases and servers their updates."""
