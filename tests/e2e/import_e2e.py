"""The morning file as outlets really write it: every kind of bad row, every kind of file."""

import csv
import io

from stage import People, StageTest

HEADER = ["Nama Penerima", "No. HP", "Kota", "No Resi", "Status Pengiriman", "Lokasi", "HP Kurir",
          "Nilai COD", "COD Lunas", "Update Terakhir", "Warna Gerobak"]


class Import(StageTest):
    def good(self, people, n, **cells):
        row = {"Nama Penerima": f"Siti {n}", "No. HP": people.phones[n], "Kota": people.city,
               "No Resi": f"JX{people.phones[n][-7:]}", "Status Pengiriman": "In Transit",
               "Lokasi": "Gudang", "HP Kurir": "", "Nilai COD": "Rp 150.000", "COD Lunas": "tidak",
               "Update Terakhir": "22/11/2026 08.30", "Warna Gerobak": "biru"}
        row.update({k.replace("_", " "): v for k, v in cells.items()})
        return [row[name] for name in HEADER]

    def file(self, rows, delimiter=",", line_end="\n", bom=False):
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end)
        writer.writerow(HEADER)
        for row in rows:
            if isinstance(row, str):  # as it stands
                out.write(row + line_end)
            else:
                writer.writerow(row)
        return (b"\xef\xbb\xbf" if bom else b"") + out.getvalue().encode()

    def test_every_bad_row_is_named_and_none_stops_the_file(self):
        people = People(20)
        good = lambda n, **cells: self.good(people, n, **cells)
        rows = [
            good(0),                                                        # 2
            good(1, **{"No. HP": "bukan nomor"}),                           # 3
            good(2, **{"No. HP": ""}),                                      # 4
            ",".join(good(3)).replace("Siti 3", '"Siti" 3'),                # 5
            good(4) + ["terlalu", "banyak"],                                # 6
            good(5)[:-2],                                                   # 7
            good(6, Nama_Penerima=""),                                      # 8: a name is not required
            good(7, Nilai_COD="12a"),                                       # 9
            good(8, No_Resi=good(0)[3], Status_Pengiriman="Delivered"),     # 10: of row 2, newer
            good(9, **{"No. HP": "8.12345E+11"}),                           # 11
            good(10, No_Resi=""),                                           # 12
            good(11, **{"No. HP": "081234567890/081298765432"}),            # 13
            good(12, HP_Kurir="abc"),                                       # 14
            good(13, COD_Lunas="mungkin"),                                  # 15
            good(14, Update_Terakhir="kemarin"),                            # 16
            good(15, Lokasi='Gudang "A", lantai 2\nsebelah kiri'),          # 17: quotes, comma, line break
            good(16, **{"No. HP": "0812"}),                                 # 18
            "," * (len(HEADER) - 1),                                        # 19: empty
            good(17),                                                       # 20
        ]
        result = self.stage.load_csv(self.a, self.file(rows))
        refused = {
            3: ("No. HP", "PHONE_NOT_A_NUMBER"), 4: ("No. HP", "REQUIRED"), 5: ("", "BAD_QUOTES"),
            6: ("", "COLUMN_COUNT"), 7: ("", "COLUMN_COUNT"), 9: ("Nilai COD", "INVALID_AMOUNT"),
            11: ("No. HP", "PHONE_SCIENTIFIC_NOTATION"), 12: ("", "TRACKING_NUMBER_MISSING"),
            13: ("No. HP", "PHONE_SEVERAL_NUMBERS"), 14: ("HP Kurir", "PHONE_NOT_A_NUMBER"),
            15: ("COD Lunas", "INVALID_YES_NO"), 16: ("Update Terakhir", "INVALID_TIME"),
            18: ("No. HP", "PHONE_TOO_SHORT"),
        }
        self.assertEqual({p.row: (p.column, p.reason) for p in result.problems}, refused)
        self.assertTrue(all(p.message for p in result.problems))
        self.assertEqual((result.rows, result.accepted, result.refused),
                         (18, 18 - len(refused), len(refused)))
        self.assertEqual(result.rows, result.accepted + result.refused)
        self.assertEqual(list(result.ignored_columns), ["Warna Gerobak"])

        # What was taken is there, whole, and the newer word of a tracking number counts.
        pb = self.a.pb.contacts
        shipment = lambda n: self.a.contacts.GetShipment(pb.GetShipmentRequest(tracking_number=n))
        self.assertEqual(shipment(good(0)[3]).status, "Delivered")
        odd = shipment(good(15)[3])
        self.assertEqual((odd.location, odd.cod_amount, odd.cod_paid),
                         ('Gudang "A", lantai 2\nsebelah kiri', 150_000, False))
        count = self.a.contacts.CountSegment(pb.CountSegmentRequest(filter=people.filter))
        self.assertEqual((count.contacts, count.shipments), (5, 4))

        self.assert_refused_rows_come_back(result, refused, people)

    def assert_refused_rows_come_back(self, result, refused, people):
        back = list(csv.DictReader(io.StringIO(result.refused_csv.decode())))
        self.assertEqual([(int(r["row"]), r["column"], r["reason"]) for r in back],
                         [(row, *refused[row]) for row in sorted(refused)])
        # Mended in a spreadsheet and imported as it is: the added columns are left aside.
        row = next(r for r in back if r["row"] == "3")
        row["No. HP"] = people.phones[1]
        out = io.StringIO()
        writer = csv.DictWriter(out, [c for c in row if c is not None])
        writer.writeheader()
        writer.writerow(row)
        mended = self.stage.load_csv(self.a, out.getvalue().encode())
        self.assertEqual((mended.rows, mended.accepted), (1, 1), mended)

    def test_commas_semicolons_tabs_byte_order_marks_and_windows_line_ends(self):
        for delimiter, line_end, bom in ((",", "\n", False), (";", "\r\n", True), ("\t", "\r\n", False)):
            with self.subTest(delimiter=delimiter, line_end=line_end, bom=bom):
                people = People(3)
                rows = [self.good(people, n, Lokasi=f"Gudang{delimiter} lantai {n}") for n in range(3)]
                result = self.stage.load_csv(self.a, self.file(rows, delimiter, line_end, bom))
                self.assertEqual((result.rows, result.accepted), (3, 3), result)
                self.assertEqual(result.delimiter, delimiter)
                pb = self.a.pb.contacts
                found = self.a.contacts.ListShipments(pb.ListShipmentsRequest(
                    filter=f'shipment.tracking_number = "{rows[1][3]}"')).shipments
                self.assertEqual([s.location for s in found], [f"Gudang{delimiter} lantai 1"])

    def test_the_same_file_again_changes_nothing(self):
        people = People(50)
        self.stage.load(self.a, people)
        again = self.stage.load_csv(self.a, people.csv())
        self.assertEqual((again.accepted, again.contacts_created, again.shipments_created), (50, 0, 0))

    def test_a_file_without_a_phone_column_is_refused_whole(self):
        self.assert_refused("INVALID_ARGUMENT", "HEADER_NO_PHONE", self.stage.load_csv, self.a,
                            b"nama,kota\nBudi,Jakarta\n")
        self.assert_refused("INVALID_ARGUMENT", "FILE_EMPTY", self.stage.load_csv, self.a, b"")

    def test_a_mapping_names_the_columns_that_no_alias_knows(self):
        people = People(1)
        data = f"Siapa,Kontak\nBudi,{people.phones[0]}\n".encode()
        result = self.stage.load_csv(self.a, data, mapping={"Siapa": "name", "Kontak": "phone"})
        self.assertEqual((result.accepted, result.contacts_created), (1, 1), result)

    def test_100000_rows_in_constant_memory(self):
        contacts = self.stage.stack.parts["contacts"]
        self.stage.load(self.a, People(5_000))
        before = contacts.rss_peak_mb()
        people = People(100_000)
        result = self.stage.load_csv(self.a, people.csv())
        self.assertEqual((result.rows, result.accepted, result.shipments_created), (100_000,) * 3)
        self.assertLess(contacts.rss_peak_mb() - before, 64)
