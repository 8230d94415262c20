-- MLflow's tables have a database of their own, beside the prediction log's: both number their migrations.
CREATE DATABASE mlflow;
