"""Rules on how much: units a day, authorizations, planned frequency, benefit limits, documents, intensity."""
