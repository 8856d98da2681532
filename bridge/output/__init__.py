"""What people and programs read: text, documents, progress, pages, diagrams."""
