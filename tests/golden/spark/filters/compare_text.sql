(`shop` = 'it\'s')
