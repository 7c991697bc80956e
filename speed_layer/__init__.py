"""The stream side: views as Flink SQL, and the runs that keep their newest partials fresh."""
