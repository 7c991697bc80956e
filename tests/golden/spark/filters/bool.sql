`paid`
