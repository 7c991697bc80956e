SELECT carrier,
  event_time - event_time % 3600000 AS _tile,
  COUNT(*) AS _n,
  COUNT(*) AS cancellations__n,
  MAX(STRUCT(event_time, event_id, available_at, _partition, _offset, dest)) AS last_dest__last,
  MAX(event_time) AS last_at__max
FROM cancellation
GROUP BY carrier, _tile
