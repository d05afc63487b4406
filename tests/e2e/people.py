"""Customers of a test, in the form of a morning file."""

import os
import tempfile

from kabarstack import morning_file


class People:
    """Rows of a morning file whose phones, city and tracking numbers no other test has."""

    _taken = 0

    def __init__(self, count, **cells):
        first = People._taken
        People._taken += count
        self.city = f"Kota {first}"
        self.rows = []
        for row in morning_file.rows(count, seed=7, first=first):
            row.update(kota=self.city, **cells)
            self.rows.append(row)
        self.phones = [morning_file.phone(i)[1] for i in range(first, first + count)]

    def __len__(self):
        return len(self.rows)

    @property
    def filter(self):
        return f'city = "{self.city}"'

    def digits(self, *numbers):
        """Phones as the provider writes them."""
        return [self.phones[n][1:] for n in (numbers or range(len(self.phones)))]

    def csv(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.csv")
            morning_file.write_rows(path, self.rows)
            with open(path, "rb") as f:
                return f.read()
