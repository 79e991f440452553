"""Remote therapeutic monitoring: device days, management minutes, one practitioner, plan and order, who gave the minutes."""
