(`shop` = 'it''s')
