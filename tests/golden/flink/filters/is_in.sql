(`shop` IN ('a', 'b`c', '\'))
