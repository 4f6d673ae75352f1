"""What people look at: pictures, tables, documents."""
