"""What Airflow needs of ours: operators for the layers' commands, Flink's REST interface, alarms."""
