SELECT carrier, flight,
  event_time - event_time % 86400000 AS _tile,
  COUNT(*) AS _n,
  COUNT(*) AS arrivals__n,
  COUNT(*) AS diverted__n,
  SUM(CASE WHEN arr_delay IS NULL THEN 1 ELSE 0 END) AS diverted__sum,
  COUNT(arr_delay) AS mean_delay__n,
  SUM(arr_delay) AS mean_delay__sum,
  MAX(arr_delay) AS worst_delay__max
FROM arrival
GROUP BY carrier, flight, _tile
