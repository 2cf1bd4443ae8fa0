"""An authority of its own for a test, and what it certifies: keys and certificates in PEM."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


class Authority:
    """Writes into a folder: ``NAME.crt``, ``NAME.key``, and ``NAME.pem`` with both of them."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = _named(f"{name} authority")
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _begun(self._name, self._key)
            .issuer_name(self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / f"{name}-ca.crt"
        self.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))

    def certify(self, name: str, key_password: str = "") -> None:
        """Good for 127.0.0.1 and localhost, on either side of a connection."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
        certificate = (
            _begun(_named(name), key)
            .issuer_name(self._name)
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        locked = BestAvailableEncryption(key_password.encode()) if key_password else NoEncryption()
        shown = certificate.public_bytes(Encoding.PEM)
        hidden = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
        for suffix, content in (("crt", shown), ("key", hidden), ("pem", hidden + shown)):
            (self._folder / f"{name}.{suffix}").write_bytes(content)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
    )
