<?php
// Prints the headers of a signed request: php sign.php POST /v1/messages message.json

/** Of one request. $target is the path with its query, exactly as it goes over the wire. */
function postroad_headers(string $key, string $secret, string $method, string $target, string $body,
                          ?string $timestamp = null, ?string $requestId = null): array
{
    $timestamp ??= (string) time();
    $requestId ??= bin2hex(random_bytes(16));
    [$path, $query] = array_pad(explode('?', $target, 2), 2, '');
    $rawKey = base64_decode(strtr(preg_replace('/^prs_/', '', $secret), '-_', '+/'));
    $lines = ['POSTROAD-HMAC-SHA256-V1', $key, $timestamp, $requestId, $method, $path, $query, hash('sha256', $body)];
    return [
        'X-Postroad-Key' => $key,
        'X-Postroad-Timestamp' => $timestamp,
        'X-Postroad-Request-Id' => $requestId,
        'X-Postroad-Signature' => 'v1=' . hash_hmac('sha256', implode("\n", $lines), $rawKey),
    ];
}

if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) {
    [, $method, $target] = $argv;
    $signed = postroad_headers(getenv('POSTROAD_KEY'), getenv('POSTROAD_SECRET'), $method, $target,
        isset($argv[3]) ? file_get_contents($argv[3]) : '',
        getenv('POSTROAD_TIMESTAMP') ?: null, getenv('POSTROAD_REQUEST_ID') ?: null);
    foreach ($signed as $name => $value) {
        echo "$name: $value\n";
    }
}
