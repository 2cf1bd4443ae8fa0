"""What travels: requests, outcomes, offers, reasons and the topics that carry them."""
