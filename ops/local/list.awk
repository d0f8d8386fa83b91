# list.awk: renders records for list and info.  stdin: for list-text sizes
# and a line `.`; then one ID/record a line, read from the current directory.

# Character by character: awks disagree on backslashes in gsub.
function quote(s,	i, c, out) {
	if (s !~ /["\\\001-\037]/)
		return "\"" s "\""
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "\"" || c == "\\")
			out = out "\\"
		out = out (c < " " ? " " : c)
	}
	return "\"" out "\""
}

# The word that process 1 of the machine in directory id gives its state.
function state(id,	f, line, n, w, stat, last) {
	split("", w)
	index_of = "-"
	f = id "/run"
	n = (getline line < f)
	close(f)
	if (n <= 0 || split(line, w, " ") < 3 || w[3] != boot)
		return "stopped"
	index_of = w[4]
	f = "/proc/" w[1] "/stat"
	last = ""
	while ((getline stat < f) > 0)
		last = stat
	close(f)
	if (last == "")
		return "stopped"
	sub(/^.*\) /, "", last)
	split(last, stats, " ")
	if (stats[20] != w[2] || stats[1] ~ /^[ZXx]$/)
		return "stopped"
	return "running"
}

function addresses(	line, n, w) {
	ip4 = ip6 = ""
	if (index_of !~ /^[0-9]+$/)
		return
	if (!net_read) {
		net_read = 1
		if ((getline line < net) > 0) {
			split(line, w, " ")
			tag = w[1]
			n = split(w[2], subnet, ".")
		}
		close(net)
	}
	if (tag == "")
		return
	ip4 = subnet[1] "." subnet[2] "." (subnet[3] + int(index_of / 256)) \
		"." (index_of % 256)
	if (ipv6)
		ip6 = sprintf("fd07:b51a:1%s:1%s::%x", substr(tag, 1, 3), \
			substr(tag, 4), index_of)
}

function bool(word) {
	return word == "true" ? "true" : "false"
}

function record_json(in_,	out, n, i, part, lines) {
	out = in_ "{\n"
	out = out in_ "  \"id\": " quote(r["id"]) ",\n"
	out = out in_ "  \"name\": " quote(r["name"]) ",\n"
	out = out in_ "  \"image\": {\n"
	out = out in_ "    \"distro\": " quote(r["distro"]) ",\n"
	out = out in_ "    \"version\": " quote(r["version"]) ",\n"
	out = out in_ "    \"arch\": " quote(r["arch"]) ",\n"
	out = out in_ "    \"variant\": " quote(r["variant"]) "\n"
	out = out in_ "  },\n"
	out = out in_ "  \"config\": {\n"
	out = out in_ "    \"isolated\": " bool(r["isolated"]) ",\n"
	out = out in_ "    \"forward_ssh_agent\": " bool(r["forward_ssh_agent"]) ",\n"
	out = out in_ "    \"isolate_network\": " bool(r["isolate_network"]) ",\n"
	out = out in_ "    \"default_username\": " quote(r["username"]) ",\n"
	if (r["cpu"] + 0 > 0)
		out = out in_ "    \"cpu_limit\": " (r["cpu"] + 0) ",\n"
	if (r["memory_mib"] + 0 > 0)
		out = out in_ "    \"memory_limit_mib\": " (r["memory_mib"] + 0) ",\n"
	if (mounts != "") {
		n = split(mounts, lines, "\n")
		out = out in_ "    \"mounts\": ["
		for (i = 1; i <= n; i++) {
			split(lines[i], part, ":")
			out = out (i > 1 ? ", " : "") "{\"source\": " \
				quote(part[1]) ", \"destination\": " \
				quote(part[2]) "}"
		}
		out = out "],\n"
	}
	out = out in_ "    \"http_port\": 0,\n"
	out = out in_ "    \"https_port\": 0\n"
	out = out in_ "  },\n"
	out = out in_ "  \"builtin\": false,\n"
	out = out in_ "  \"state\": " quote(r["state"]) "\n"
	return out in_ "}"
}

function record_read(file,	line, blank) {
	split("", r)
	mounts = ""
	while ((getline line < file) > 0) {
		blank = index(line, " ")
		if (!blank)
			continue
		if (substr(line, 1, blank - 1) == "mount")
			mounts = mounts (mounts == "" ? "" : "\n") \
				substr(line, blank + 1)
		else
			r[substr(line, 1, blank - 1)] = substr(line, blank + 1)
	}
	close(file)
	return r["id"] != "" && r["name"] != ""
}

function human(bytes,	unit, i) {
	split("B KB MB GB TB", unit, " ")
	for (i = 1; bytes >= 1000 && i < 5; i++)
		bytes /= 1000
	return sprintf(i == 1 ? "%d %s" : "%.1f %s", bytes, unit[i])
}

function cell(column, text) {
	table[rows, column] = text
	if (length(text) > width[column])
		width[column] = length(text)
}

function row(a, b, c, d, e, f, g) {
	rows++
	cell(1, a); cell(2, b); cell(3, c); cell(4, d)
	cell(5, e); cell(6, f); cell(7, g)
}

function dashes(text) {
	gsub(/./, "-", text)
	return text
}

BEGIN { sizes = mode == "list-text" }

sizes && $0 == "." { sizes = 0; next }
sizes {
	split($2, part, "/")
	used[part[1]] = $1
	next
}

{
	id = $0
	sub(/\/record$/, "", id)
	if (!record_read($0))
		next	# deleted since the names were read
	r["state"] = state(id)
	if (only_running && r["state"] != "running")
		next
	if (r["state"] == "running")
		addresses()
	else
		ip4 = ip6 = ""
	count++
}

mode == "names" { print r["name"] }

mode == "list-json" {
	printf "%s%s", (count == 1 ? "[\n" : ",\n"), record_json("  ")
}

mode == "info-json" {
	out = record_json("  ")
	sub(/^ +/, "", out)
	printf "{\n  \"record\": %s,\n", out
	printf "  \"disk_size\": %s,\n", size
	printf "  \"ip4\": %s,\n  \"ip6\": %s\n}\n", quote(ip4), quote(ip6)
}

mode == "info-text" {
	print "ID: " r["id"]
	print "Name: " r["name"]
	print "State: " r["state"]
	print "Distro: " r["distro"]
	print "Version: " r["version"]
	print "Architecture: " r["arch"]
	print "Username: " r["username"]
	print "Disk size: " human(size)
	if (ip4 != "") print "IPv4: " ip4
	if (ip6 != "") print "IPv6: " ip6
}

mode == "list-text" {
	if (count == 1) {
		split("NAME STATE DISTRO VERSION ARCH SIZE IP", h, " ")
		row(h[1], h[2], h[3], h[4], h[5], h[6], h[7])
		row(dashes(h[1]), dashes(h[2]), dashes(h[3]), dashes(h[4]), \
			dashes(h[5]), dashes(h[6]), dashes(h[7]))
	}
	row(r["name"], r["state"], r["distro"], r["version"], r["arch"], \
		human(used[id]), ip4)
}

END {
	if (mode == "list-json")
		print (count ? "\n]" : "[]")
	for (i = 1; i <= rows; i++) {
		line = ""
		for (c = 1; c <= 7; c++)
			line = line sprintf("%-" (width[c] + 2) "s", table[i, c])
		sub(/ +$/, "", line)
		print line
	}
}
