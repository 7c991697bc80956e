SELECT DISTINCT `_late`.`_partition`, `_late`.`_offset`
FROM late AS `_late`
JOIN (SELECT `shop` AS `_key:shop`, `till` AS `_key:till`, `available_at` FROM counted WHERE `shop` IS NOT NULL AND `till` IS NOT NULL AND `paid` AND `available_at` < CAST(1795219200000 AS BIGINT) AND `event_time` >= CAST(1793401200000 AS BIGINT)) AS `_event`
  ON `_event`.`_key:shop` = `_late`.`_key:shop` AND `_event`.`_key:till` = `_late`.`_key:till` AND `_event`.`available_at` >= `_late`.`_through` AND `_event`.`available_at` < `_late`.`available_at`
