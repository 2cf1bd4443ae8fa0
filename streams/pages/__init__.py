"""The web pages: what they show, what they may change, and who may."""
