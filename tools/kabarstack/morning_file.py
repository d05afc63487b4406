"""The generated morning file: what an outlet's shipments of a day look like, the same for the same
seed. Names, phones and tracking numbers are made up.
"""

import csv
import random

CITIES = [("Jakarta", "DKI Jakarta"), ("Bandung", "Jawa Barat"), ("Surabaya", "Jawa Timur"),
          ("Semarang", "Jawa Tengah"), ("Medan", "Sumatera Utara"), ("Makassar", "Sulawesi Selatan"),
          ("Denpasar", "Bali"), ("Palembang", "Sumatera Selatan")]
FIRST = ["Budi", "Siti", "Agus", "Dewi", "Eko", "Rina", "Joko", "Ayu", "Hendra", "Putri", "Andi", "Lestari"]
LAST = ["Santoso", "Wijaya", "Saputra", "Lestari", "Pratama", "Hidayat", "Nugroho", "Siregar", "Rahayu"]
HEADER = ["nama", "no_hp", "kota", "provinsi", "layanan", "no_resi", "status_pengiriman", "lokasi",
          "estimasi", "kurir", "hp_kurir", "alamat_tujuan", "nilai_cod", "alasan_keterlambatan",
          "estimasi_baru"]


def phone(i):
    """The i-th phone, in one of the forms that Indonesians type; E.164 beside it."""
    digits = f"8{59900000000 + i:011d}"[:12]
    forms = [f"0{digits}", f"62{digits}", f"+62 {digits[:3]}-{digits[3:7]}-{digits[7:]}", digits]
    return forms[i % 4], f"+62{digits}"


def rows(count, seed=1, first=0):
    """`count` rows; those of another `first` have other phones and tracking numbers."""
    pick = random.Random(seed + first)
    for i in range(first, first + count):
        city, province = CITIES[i % len(CITIES)]
        status = pick.choices(["In Transit", "Delivered", "Delayed"], [70, 20, 10])[0]
        delayed = status == "Delayed"
        yield {
            "nama": f"{pick.choice(FIRST)} {pick.choice(LAST)}",
            "no_hp": phone(i)[0], "kota": city, "provinsi": province,
            "layanan": pick.choice(["reguler", "express", "COD"]),
            "no_resi": f"KBR{seed:02d}{i:07d}", "status_pengiriman": status,
            "lokasi": f"Gudang {city}", "estimasi": f"{1 + i % 3} hari",
            "kurir": pick.choice(FIRST), "hp_kurir": phone(5_000_000 + i % 40)[0],
            "alamat_tujuan": f"Jl. Melati No. {1 + i % 200}, {city}",
            "nilai_cod": "" if i % 5 else str(50_000 + 1000 * (i % 100)),
            "alasan_keterlambatan": "Hujan deras" if delayed else "",
            "estimasi_baru": "besok" if delayed else "",
        }


def write(path, count, seed=1):
    write_rows(path, rows(count, seed))


def write_rows(path, lines):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.DictWriter(f, HEADER)
        out.writeheader()
        out.writerows(lines)


MESSAGE = (
    '{{#if status_pengiriman == "Delivered"}}'
    '{{provider "paket_terkirim" "id" nama no_resi lokasi}}'
    "Halo {{nama}}, paket {{no_resi}} sudah diterima di {{lokasi}}. Terima kasih! 🙏"
    '{{else if status_pengiriman == "Delayed"}}'
    '{{provider "paket_tertunda" "id" nama no_resi alasan_keterlambatan estimasi_baru}}'
    "Halo {{nama}}, paket {{no_resi}} tertunda: {{alasan_keterlambatan}}. "
    "Perkiraan baru: {{estimasi_baru}}."
    "{{else}}"
    '{{provider "paket_dalam_perjalanan" "id" nama no_resi status_pengiriman lokasi estimasi|"segera"}}'
    "Halo {{nama}}, paket {{no_resi}} berstatus {{status_pengiriman}} di {{lokasi}}. "
    'Perkiraan tiba: {{estimasi | "segera"}}. Apakah Anda di rumah? Balas YA atau TIDAK.'
    "{{/if}}")


def expected_text(row):
    """What the customer must read, written apart from the suite's own renderer."""
    if row["status_pengiriman"] == "Delivered":
        return f"Halo {row['nama']}, paket {row['no_resi']} sudah diterima di {row['lokasi']}. Terima kasih! 🙏"
    if row["status_pengiriman"] == "Delayed":
        return (f"Halo {row['nama']}, paket {row['no_resi']} tertunda: {row['alasan_keterlambatan']}. "
                f"Perkiraan baru: {row['estimasi_baru']}.")
    return (f"Halo {row['nama']}, paket {row['no_resi']} berstatus {row['status_pengiriman']} di "
            f"{row['lokasi']}. Perkiraan tiba: {row['estimasi'] or 'segera'}. "
            "Apakah Anda di rumah? Balas YA atau TIDAK.")
