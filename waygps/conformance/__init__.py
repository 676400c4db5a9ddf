"""Whether a vendor keeps what a decoder promises: ``waygps plugin check``, the tests of the built-in vendors, and the fuzz run.

Each module has one group of checks. A check is a function that takes a Subject and gives Findings: what is to be mended, in words
that name the sample and the byte. Nothing here needs a server, a clock or a test runner.
"""
