"""What a note says: lexicons, and the reading of text into mentions that checks and screens share."""
