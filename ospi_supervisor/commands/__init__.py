"""The commands of `ospi-supervisor`, grouped by what they are about; `cli.py` puts them together."""
