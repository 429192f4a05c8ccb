"""Learning quality on tables, beside gradient-boosted trees and other networks.

``python -m bench.tables`` needs pandas, and of the models those that are installed; pymlp is one.
"""
