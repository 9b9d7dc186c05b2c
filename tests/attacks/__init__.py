"""Attacks that once succeeded. Each test fails on 218078a, or with its guard taken out."""
