CREATE TABLE departures (
  event_id STRING,
  event_time TIMESTAMP_LTZ(3),
  scheduled_at TIMESTAMP_LTZ(3),
  carrier STRING,
  flight BIGINT,
  origin STRING,
  dest STRING,
  tailnum STRING,
  dep_delay BIGINT,
  distance BIGINT,
  appended TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  part INT METADATA FROM 'partition' VIRTUAL,
  pos BIGINT METADATA FROM 'offset' VIRTUAL,
  proc AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = '{topic}',
  'properties.bootstrap.servers' = '{brokers}',
  'properties.group.id' = '{group}',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'scan.topic-partition-discovery.interval' = '0',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true',
  'json.timestamp-format.standard' = 'ISO-8601'
)
