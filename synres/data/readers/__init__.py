"""Readers of the datasets that people have on disk: one file for each layout, all lazy (`synres.data.rows`).

A reader is a generator over rows and problems in the order of the file. Nothing in a file is executed, no
path leads out of the dataset, and what is wrong with one record never stops the others.
"""
