"""What a training needs of a device's memory, and what is done where it is too much; without torch."""
