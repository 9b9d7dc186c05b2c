"""Holdfast: the file service that an application puts between its users and S3."""
