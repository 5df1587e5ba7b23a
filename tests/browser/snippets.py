"""The forms of the snippet that pages contain (Clicky wire reference §2.1, seed (clicky))."""

FORMS = {
    "data-id": '<script async data-id="{id}" src="//{host}/js"></script>',
    "site ids": "<script>var clicky_site_ids = clicky_site_ids || []; clicky_site_ids.push({id});</script>"
    '<script async src="//{host}/js"></script>',
    "init": '<script src="//{host}/js"></script><script>clicky.init({id});</script>',
    "try init": '<script src="//{host}/js" type="text/javascript"></script>'
    "<script>try{{ clicky.init({id}); }}catch(e){{}}</script>",
    "id in the path": '<script async src="//{host}/{id}.js"></script>',
    "legacy global": '<script>var clicky_site_id = {id};</script><script async src="//{host}/js"></script>',
    "older legacy global": '<script>var async_site_id = {id};</script><script async src="//{host}/js"></script>',
    "stub before load": "<script>var clicky={{log:function(){{}},goal:function(){{}}}};</script>"
    '<script async data-id="{id}" src="//{host}/js"></script>',
    "ids pushed later": '<script src="//{host}/js"></script>'
    "<script>setTimeout(function(){{clicky_site_ids.push({id})}}, 300)</script>",
    "injected": "<script>(function(){{var s=document.createElement('script');s.async=1;s.src='//{host}/{id}.js';"
    "document.head.appendChild(s)}})()</script>",
    "data-site": '<script defer data-site="{id}" src="//{host}/tracker.js"></script>',
}

PIXELS = {
    "pixel": '<p><img alt="" width="1" height="1" src="//{host}/{id}ns.gif"></p>',
    "older pixel": '<p><img alt="" width="1" height="1" src="//{host}/{id}-db.gif"></p>',
}
