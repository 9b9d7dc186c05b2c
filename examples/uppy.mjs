// What a page hands to the stock @uppy/aws-s3 (6.2.1 or later), so that files go through Holdfast to the store:
//
//   new Uppy().use(Dashboard, { target: "#files", inline: true })
//     .use(AwsS3, { shouldUseMultipart: true, ...holdfast("https://files.example.com", () => token) });
//
// With `shouldUseMultipart: true` every upload ends with a completion; a single PUT completes when its record is read.
// The page's origin has to stand in CORS_ORIGINS, and the bucket's rules have to let it PUT and to expose ETag.
export function holdfast(base, token, fields = {}) {
  return {
    // Uppy tells the signer of a file only its key: here stand name, size, type, and what else is known of it.
    generateObjectKey: (file) => JSON.stringify({ n: file.name, s: file.size, t: file.type, ...fields }),
    async signRequest(request) {
      const headers = { Authorization: `Bearer ${token()}`, "Content-Type": "application/json" };
      const answer = await fetch(`${base}/api/v1/files/uppy/sign`, {
        method: "POST",
        headers,
        body: JSON.stringify(request),
      });
      const signed = await answer.json();
      if (!answer.ok) throw new Error(signed.message);
      return signed;
    },
  };
}
