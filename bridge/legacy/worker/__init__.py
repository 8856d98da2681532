"""The process in which legacy scripts run; it imports nothing of bridge."""
