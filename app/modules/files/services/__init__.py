"""What can be done with files. Each service owns its transactions and takes the principal first."""
