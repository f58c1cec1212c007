-- Ce que HAProxy regarde et envoie à chaque requête : le drapeau, le lien d'une validation, la page et ses fichiers.
local FLAG = [[{{ flag }}]]
local INVITATIONS = [[{{ invitations }}]]
local PAGES = [[{{ page_dir }}]]
local ENOENT, EACCES, ENOTDIR = 2, 13, 20
local HTML = "text/html; charset=utf-8"
-- Une réponse que HAProxy fait lui-même tient dans son tampon de 16 Kio, en-tête compris.
local BUFFER_BYTES = 15000
local WAIT = [[<!doctype html><html lang="fr"><meta charset="utf-8"><meta http-equiv="refresh" content="{{ retry_after }}">]]
    .. "<title>Interruption</title><p>La plateforme est momentanément indisponible."
    .. " Cette page se recharge d'elle-même.</p></html>"
-- Un fichier est là si l'on ne peut y descendre : rien n'est lu, un dossier n'en est pas un. Une machine à bout de
-- descripteurs ne dit pas que le drapeau est retiré.
local function error_below(path)
    local found, _, number = io.open(path .. "/.")
    if found then
        found:close()
        return ENOENT
    end
    return number
end
local function is_flagged()
    local number = error_below(FLAG)
    return number ~= ENOENT and number ~= EACCES
end
local function content(name)
    local file = io.open(PAGES .. "/" .. name, "rb")
    local text = file and file:read("a")
    if file then
        file:close()
    end
    return text
end
local function page(flagged)
    return content(flagged and "index.html" or "unavailable.html") or WAIT
end
core.register_fetches("ospi_flag{{ tag }}", is_flagged)
-- Ce qui n'a pas la forme d'un secret n'est jamais cherché parmi les fichiers.
core.register_fetches("ospi_invited{{ tag }}", function(txn)
    local secret = txn.sf:req_cook("{{ cookie }}")
    return #secret == 64 and not secret:find("[^0-9a-f]") and error_below(INVITATIONS .. "/" .. secret) == ENOTDIR
end)
-- Dans ce qu'il compose lui-même, HAProxy écrit %0A pour une fin de ligne. Une espace la remplace ; dans un script, où elle
-- termine un commentaire, U+2028 fait de même.
local function on_one_line(html)
    html = html:gsub("<script>.-</script>", function(script)
        return (script:gsub("%c", "\u{2028}"))
    end)
    return (html:gsub("%c", " "))
end
-- La plateforme n'a pas répondu : le drapeau a pu être levé pendant qu'elle s'arrêtait.
core.register_fetches("ospi_error{{ tag }}", function(txn)
    local flagged = is_flagged()
    local text = on_one_line(page(flagged))
    txn:set_var("txn.ospi_page", flagged and "maintenance" or "unavailable")
    return #text <= BUFFER_BYTES and text or WAIT
end)
local function send(applet, status, headers, text)
    applet:set_status(status)
    for name, value in pairs(headers) do
        applet:add_header(name, value)
    end
    applet:add_header("Content-Length", #text)
    applet:start_response()
    if applet.method ~= "HEAD" then
        applet:send(text)
    end
end
core.register_service("ospi_maintenance{{ tag }}", "http", function(applet)
    applet:set_var("txn.ospi_page", "maintenance")
    send(applet, 503, { ["Content-Type"] = HTML }, page(true))
end)
local function register_file(service, name, headers)
    core.register_service(service .. "{{ tag }}", "http", function(applet)
        local text = content(name)
        send(applet, text and 200 or 404, text and headers or {}, text or "")
    end)
end
register_file("ospi_status", "status.json",
    { ["Content-Type"] = "application/json", ["Cache-Control"] = "no-store", ["X-OSPI-Maintenance"] = "1" })
register_file("ospi_announcement", "annonce.json",
    { ["Content-Type"] = "application/json", ["Cache-Control"] = "no-store" })
register_file("ospi_announcing", "annonce.js",
    { ["Content-Type"] = "text/javascript; charset=utf-8", ["Cache-Control"] = "no-cache" })
-- Sous « chroot », ou sans droit de passer par ces dossiers, le drapeau ne serait jamais vu : autant le dire au démarrage.
core.register_task(function()
    if error_below(PAGES .. "/index.html") ~= ENOTDIR then
        core.Alert("Superviseur OSPI : HAProxy ne trouve pas " .. PAGES .. "/index.html et ne verrait pas le drapeau ;"
            .. " retirez chroot de sa configuration, ou ouvrez-lui ce dossier")
    end
end)
