"""Measures the shop as its user feels it, in one run on one machine, beside what they would pick instead."""
