"""The main job on real data: a grocer's year of coupons, sent through the topics as tills would."""
