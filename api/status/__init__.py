"""What strangers see: public status pages and badges, drawn once for a crowd."""
