CASE `_text:field` WHEN '[true]' THEN TRUE WHEN '[false]' THEN FALSE END
