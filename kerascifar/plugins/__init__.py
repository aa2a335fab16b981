"""Rows from outside: functions that add to the tables of nets, data sets, policies and distances, and what loads them.

A plugin is a Python file that the user names by --plugin, or an installed package with an entry point in the group
``kerascifar.plugins``. No result, config or recipe can name one. Imports up to architectures; never run or a command.
"""
