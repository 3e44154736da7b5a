//! The table: key, English, 简体中文. `one|others` where English counts.

macro_rules! table {
    ($($key:ident: $english:literal, $chinese:literal;)*) => {
        /// Something to say.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[expect(missing_docs, reason = "each is its own text, in the table")]
        pub enum Key { $($key,)* }

        impl Key {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$key),*];

            pub(super) fn texts(self) -> [&'static str; 2] {
                match self { $(Self::$key => [$english, $chinese],)* }
            }
        }
    };
}

table! {
    AppName: "Sotto", "Sotto";
    AppLine: "Chat that is not overheard", "不被旁听的聊天";

    // Connecting
    ConnectTitle: "Connect to your server", "连接到服务器";
    ConnectField: "Server address or invite link", "服务器地址或邀请链接";
    ConnectExample: "chat.school.example or sotto://…", "例如 chat.school.example 或 sotto://…";
    ConnectHint: "Ask your teacher or administrator for the address or invite link.", "请向老师或管理员索取服务器地址或邀请链接。";
    ConnectButton: "Connect", "连接";
    ConnectBusy: "Connecting…", "正在连接…";
    ConnectRecent: "Recent", "最近使用";
    ConnectPinned: "Identity pinned", "身份已固定";
    ConnectForget: "Forget this server", "忘记此服务器";
    ConnectBad: "That is not an address or an invite link.", "这不是有效的地址或邀请链接。";
    ConnectBadPort: "The port has to be a number from 1 to 65535.", "端口必须是 1 到 65535 之间的数字。";
    ConnectBadPin: "The link is damaged: its fingerprint is not complete. Copy it again, whole.", "链接已损坏：其中的指纹不完整。请重新完整复制。";
    LinkIncomplete: "The link is damaged. Copy it again, whole.", "链接已损坏，请重新完整复制。";
    ObstacleRefused: "The server refused the connection. Is the port right, and does the server run?", "服务器拒绝连接。端口是否正确？服务器是否在运行？";
    ObstacleTimeout: "No answer. Are you on the right network?", "无响应，是否连接了正确的网络？";
    ObstacleDns: "This address was not found.", "找不到该地址。";
    ObstacleNotSotto: "The server answered, but it is not Sotto.", "服务器有响应，但不是 Sotto 服务。";
    ObstacleClosed: "The server closed the connection at once. Try again in a moment.", "服务器立即关闭了连接，请稍后再试。";
    ObstacleNetwork: "The network does not let us through. Are you connected?", "网络不通，是否已连接网络？";
    ProfileTrouble: "{path} cannot be read or written. Is the disk full, or is it not yours?", "无法读取或写入 {path}。磁盘是否已满？是否有权限？";
    ProfileSpoiled: "{path} cannot be understood. Correct it, or delete it and trust your servers again.", "无法理解 {path}。请更正，或删除后重新信任服务器。";
    ProfileNoHome: "There is no home directory to keep anything in. Start with --profile DIR.", "没有可用的主目录，请用 --profile 目录 启动。";

    // Trust
    TrustTitle: "Check that this is your server", "请确认这是你的服务器";
    TrustBody: "{host} proves itself with a key of its own. That is normal on school and office networks, but compare the fingerprint once.", "{host} 使用自己的密钥证明身份。这在学校和办公网络中很常见，但请核对一次指纹。";
    TrustPaste: "Fingerprint or invite link you were given (paste to compare)", "你收到的指纹或邀请链接（粘贴以核对）";
    TrustMatch: "Matches", "一致";
    TrustDiffer: "Does not match", "不一致";
    TrustOk: "Trust and connect", "信任并连接";
    TrustUnchecked: "Connect without comparing", "不核对，直接连接";
    TrustNo: "Don't connect", "不连接";
    IdentityNext: "{host} will have another key. The one you trust has announced it, so there is nothing for you to do.", "{host} 将更换密钥。你信任的密钥已为此签名公告，你无需操作。";
    IdentityChanged: "{host} has the key now that it had announced.", "{host} 已更换为先前公告的密钥。";
    TrustFingerprint: "Fingerprint", "指纹";
    TrustDetails: "What is a fingerprint?", "什么是指纹？";
    TrustExplain: "It is the SHA-256 of the key that makes this server this server. It stays the same when certificates are renewed. The server prints it when it starts.", "它是服务器身份密钥的 SHA-256 值，更新证书后保持不变。服务器启动时会显示它。";
    TrustInvalid: "The server's certificate is not valid. Nothing was sent. Ask your administrator; perhaps a clock is wrong.", "服务器的证书无效。没有发送任何内容。请联系管理员，也可能是时钟不准。";
    PinTitle: "This is not the server you trusted", "这不是你信任的服务器";
    PinBody: "{host} showed a different identity than on {date}. Someone may be listening in, or the server was reinstalled.", "{host} 的身份与 {date} 时不同。可能有人在窃听，也可能服务器已重装。";
    PinBodyUndated: "{host} showed a different identity than the one you expect. Someone may be listening in, or the server was reinstalled.", "{host} 的身份与预期不同。可能有人在窃听，也可能服务器已重装。";
    PinSafe: "Sotto has NOT sent your name, password or messages.", "Sotto 没有发送你的用户名、密码或消息。";
    PinTodo: "Ask your teacher or administrator, in person or by phone.", "请当面或打电话向老师或管理员确认。";
    PinOld: "Trusted", "已信任";
    PinNew: "Now", "当前";
    PinHave: "The administrator gave me a new fingerprint or invite link", "管理员给了我新的指纹或邀请链接";
    PinReplace: "Replace", "替换";
    PinLeave: "Disconnect", "断开连接";
    PinReport: "Copy report", "复制报告";

    // Logging in
    LoginUser: "Username", "用户名";
    LoginPass: "Password", "密码";
    LoginShow: "Show password", "显示密码";
    LoginHide: "Hide password", "隐藏密码";
    LoginButton: "Log in", "登录";
    LoginBusy: "Logging in…", "正在登录…";
    LoginRegister: "No account? Register", "没有账号？注册";
    LoginOther: "Other server", "更换服务器";
    LoginKeys: "Tab next field · Enter log in · Esc quit", "Tab 切换 · Enter 登录 · Esc 退出";
    LoginFullwidth: "The password contains full-width characters. Switch your input method to English.", "密码中含有全角字符，请切换到英文输入法。";
    LoginWrong: "Wrong username or password.", "用户名或密码错误。";
    LoginNoName: "Type your username.", "请输入用户名。";
    LoginNoPassword: "Type your password.", "请输入密码。";
    StayBox: "Stay logged in on this computer", "在此电脑上保持登录";
    StayNote: "A key to your account is kept in this computer’s keyring; your password is not. Not for a computer that others use too.", "账号凭证会保存在本机的密钥环中，不保存密码。公用电脑请勿勾选。";
    StayOver: "You are not logged in here any more. Type your password.", "登录状态已失效，请输入密码。";
    StayNoKeyring: "This computer’s keyring does not open. Type your password.", "无法打开本机的密钥环，请输入密码。";
    StayFileTitle: "No keyring: keep a file instead?", "没有密钥环，改用文件保存？";
    StayFileBody: "To stay logged in, a key to your account has to be kept, and no keyring answers on this computer. It can be kept in a file that only you can read. Whoever gets hold of that file can use your account until you log out or change your password.", "保持登录需要保存账号凭证，但本机没有可用的密钥环。可以保存在只有你能读取的文件中。任何人拿到该文件，在你退出登录或修改密码之前都能使用你的账号。";
    StayFileYes: "Keep it in a file", "保存在文件中";
    StayFileNo: "Do not stay logged in", "不保持登录";
    StayNot: "You will be asked for your password next time.", "下次登录时需要输入密码。";
    LoginThrottled: "Too many tries. Try again in {n} second.|Too many tries. Try again in {n} seconds.", "尝试次数过多，请 {n} 秒后再试。";
    AlreadyTitle: "Already logged in", "该账号已登录";
    AlreadyBody: "“{user}” is logged in on another computer ({host}, since {time}).", "“{user}”已在另一台电脑上登录（{host}，{time} 起）。";
    AlreadyTake: "Log out there and log in here", "让对方下线并在此登录";
    NameBad: "This name cannot be used. Up to 32 letters, without special characters at either end.", "不能使用这个名字。最多 32 个字，首尾不能有特殊字符。";
    PasswordBad: "This password cannot be used: 8 or more characters, and not a common one.", "不能使用这个密码：至少 8 个字符，且不能过于常见。";
    RegConfirmTitle: "Register “{user}”?", "注册“{user}”？";
    RegConfirm: "Are you sure you want to create the account “{user}” on {server}?", "确定要在 {server} 上注册账号“{user}”吗？";
    RegYes: "Register", "注册";
    RegBusy: "Registering…", "正在注册…";
    RegDoneTitle: "Welcome, {user}", "欢迎，{user}";
    RegDone: "Your account was created.", "注册成功。";
    RegLogin: "Log in now", "立即登录";
    RegTakenTitle: "Name already taken", "名字已被使用";
    RegTaken: "“{user}” is already taken. Choose another name.", "“{user}”已被使用，请换一个名字。";
    RegFailedTitle: "Not registered", "注册失败";
    RegInvite: "Invite code", "邀请码";
    RegNotInvited: "This server takes newcomers with an invite only. Ask for the invite link, or type the code from it.", "此服务器仅凭邀请注册。请索取邀请链接，或输入其中的邀请码。";
    RegClosed: "This server takes no new accounts. Ask your administrator for one.", "此服务器不开放注册，请向管理员申请账号。";
    RegLost: "The connection broke before the answer. Try to log in: perhaps the account is there.", "收到答复前连接已断开。请尝试登录，账号可能已创建。";

    // Refusals
    RefusedBusy: "The server is busy. Try again in a moment.", "服务器繁忙，请稍后再试。";
    RefusedFull: "The server has as many connections as it takes. Try again later.", "服务器连接数已满，请稍后再试。";
    RefusedLimit: "That is more than this server allows.", "超出了此服务器的限制。";
    RefusedInternal: "Something went wrong in the server. Tell your administrator.", "服务器内部出错，请告知管理员。";
    RefusedShutdown: "The server is stopping.", "服务器正在停止。";
    RefusedUnknownRecipient: "There is nobody called {who}.", "没有名为 {who} 的人。";
    RefusedNotStored: "The server could not store it. Try again.", "服务器未能保存，请重试。";
    RefusedOther: "The server said no.", "服务器拒绝了请求。";

    // Words used in several places
    Cancel: "Cancel", "取消";
    Close: "Close", "关闭";
    Ok: "OK", "确定";
    Copy: "Copy", "复制";
    Copied: "Copied", "已复制";
    Language: "Language", "语言";
    Theme: "Theme", "主题";
    ThemeSystem: "System", "跟随系统";
    ThemeLight: "Light", "浅色";
    ThemeDark: "Dark", "深色";
    Zoom: "Zoom", "缩放";
    ZoomIn: "Larger", "放大";
    ZoomOut: "Smaller", "缩小";
    ZoomPercent: "{n} %", "{n} %";

    // The column at the left
    NavSearch: "Search", "搜索";
    NavChats: "Chats", "聊天";
    NavPeople: "People", "成员";
    NavEveryone: "Everyone", "所有人";
    NavMe: "Notes to myself", "给自己的备忘";
    NavMenu: "Show chats and people", "显示聊天和成员";
    NavSettings: "Settings", "设置";
    NavUnread: "{n} unread message|{n} unread messages", "{n} 条未读消息";
    PeopleAll: "Select all", "全选";
    PeopleNone: "Select none", "全不选";
    PeopleAllShort: "All", "全选";
    PeopleNoneShort: "None", "全不选";
    PeopleCount: "{k} of {n}", "已选 {k} / {n}";
    PeopleFilter: "Filter", "筛选";
    PeopleSend: "Send to {name}", "发送给 {name}";
    PeopleChat: "Chat with {name}", "与 {name} 聊天";
    PresenceOnline: "Online", "在线";
    PresenceAway: "Offline", "离线";
    PeopleExcluded: "{name} just arrived and is not selected.", "{name} 刚刚上线，未被选中。";
    PeopleLater: "{name} is offline and will get it at the next log-in.", "{name} 不在线，下次登录时会收到。";
    PeopleClear: "{name} uses a program without encryption: what goes to and from there can be read on the way.", "{name} 使用未加密的程序：与其往来的内容可能在途中被读取。";
    Online: "{n} online", "{n} 人在线";

    // Recipients
    ToEveryone: "To: Everyone ({n})", "发送给：所有人（{n}）";
    ToSome: "To: {n} person|To: {n} people", "发送给：{n} 人";
    ToOne: "To: {name}", "发送给：{name}";
    ToNone: "Choose at least one recipient.", "请至少选择一位接收人。";
    ToTooMany: "One message can name 256 people at most. Choose fewer, or everyone.", "一条消息最多可选 256 人。请减少人数，或选择所有人。";
    ToBadge: "to {n}", "发给 {n} 人";
    ToBadgeIn: "to you and {n} other|to you and {n} others", "发给你和另外 {n} 人";
    ToMore: "+{n} more", "等另外 {n} 人";
    ToRemove: "Remove {name}", "移除 {name}";

    // The timeline
    SysJoin: "{name} entered the room", "{name} 进入了聊天室";
    SysLeave: "{name} left the room", "{name} 离开了聊天室";
    SysJoinTwo: "{name} and {other} entered the room", "{name} 和 {other} 进入了聊天室";
    SysLeaveTwo: "{name} and {other} left the room", "{name} 和 {other} 离开了聊天室";
    SysJoinMany: "{name} and {n} others entered the room", "{name} 等另外 {n} 人进入了聊天室";
    SysLeaveMany: "{name} and {n} others left the room", "{name} 等另外 {n} 人离开了聊天室";
    DayToday: "Today", "今天";
    DayYesterday: "Yesterday", "昨天";
    UnreadLine: "New messages · {n}", "新消息 · {n} 条";
    UnreadLinePlain: "New messages", "新消息";
    Jump: "Jump to latest", "回到最新";
    GapLine: "Show {n} message that is not loaded|Show {n} messages that are not loaded", "显示未加载的 {n} 条消息";
    Loading: "Loading…", "正在加载…";
    ShowMore: "Show more", "展开";
    ShowLess: "Show less", "收起";
    TimelineName: "Messages in {chat}", "{chat} 的消息";
    MsgSending: "Sending", "发送中";
    MsgSent: "Sent", "已发送";
    MsgQueued: "Will be sent when connected", "连接恢复后发送";
    MsgFailed: "Not sent: {why}", "发送失败：{why}";
    MsgRetry: "Retry", "重试";
    MsgDelete: "Delete", "删除";
    MsgCopy: "Copy text", "复制文本";
    MsgCopyFull: "Copy with name and time", "连同姓名和时间复制";
    MsgCopySelection: "Copy selection", "复制所选内容";
    MsgMarkUnread: "Mark as unread from here", "从此处标为未读";
    MsgOpenChat: "Open this conversation", "打开此对话";
    MsgClear: "not encrypted", "未加密";
    ToClear: "{n} of them is reached without encryption.|{n} of them are reached without encryption.", "其中 {n} 人的连接未加密。";
    MsgRow: "{name}, {time}: {text}", "{name}，{time}：{text}";
    EmptyRoom: "Say hello to {chat}", "向{chat}打个招呼";
    EmptyRoomLine: "Nothing has been said here yet.", "这里还没有消息。";
    EmptyHello: "Send “Hello”", "发送“你好”";
    Hello: "Hello!", "你好！";
    EmptyFirst: "You are the first here", "你是第一个到的";
    EmptyFirstLine: "People appear here once they have an account.", "其他人注册后会显示在这里。";
    EmptySearch: "Nothing found for “{q}”", "没有找到“{q}”";
    LinkTitle: "Open this link?", "打开此链接？";
    LinkBody: "It opens in your browser. Check the address first:", "将在浏览器中打开。请先核对地址：";
    LinkOpen: "Open", "打开";

    // Writing
    ComposeHint: "Write a message…", "输入消息…";
    ComposeName: "Message to {chat}", "发给 {chat} 的消息";
    ComposeKeysCtrl: "Ctrl+Enter send · Enter new line", "Ctrl+Enter 发送 · Enter 换行";
    ComposeKeysEnter: "Enter send · Shift+Enter new line", "Enter 发送 · Shift+Enter 换行";
    ComposeSend: "Send", "发送";
    ComposeSendWith: "Choose the key that sends", "选择发送键";
    SendWithEnter: "Send with Enter", "按 Enter 发送";
    SendWithCtrlEnter: "Send with Ctrl+Enter", "按 Ctrl+Enter 发送";
    ComposeDraft: "Draft:", "[草稿]";
    ComposeComposing: "Finish the input-method text first.", "请先完成输入法中的文字。";
    ComposeTooLong: "{n} byte too long|{n} bytes too long", "超出 {n} 字节";
    ComposeFull: "Too many messages are waiting. Your text is still here.", "等待发送的消息过多，文字仍保留在此。";

    // Files
    FileSend: "Send files…", "发送文件…";
    FileConfirm: "Send {n} file to {to}?|Send {n} files to {to}?", "将 {n} 个文件发送给{to}？";
    FileSendNow: "Send files", "发送文件";
    FileToPeople: "{n} person|{n} people", " {n} 人";
    FileToEveryone: "everyone", "所有人";
    FileAsk: "They will be asked to accept.", "对方需要确认接收。";
    FileAway: "Who is offline is asked at the next log-in.", "不在线的人下次登录时会收到询问。";
    FileRemove: "Do not send {name}", "不发送 {name}";
    FileNotThere: "{name} cannot be read, or is a folder.", "无法读取 {name}，或它是文件夹。";
    FileOffer: "{name} wants to send you this file", "{name} 想发送此文件给你";
    FileAccept: "Accept", "接收";
    FileDecline: "Decline", "拒绝";
    FileSaveAs: "Save in…", "保存到…";
    FileEnds: "until {date}", "{date} 前有效";
    FileWaiting: "Waiting for answer", "等待对方确认";
    FileDeclined: "Declined", "已拒绝";
    FileYouDeclined: "You declined this file.", "你已拒绝此文件。";
    FileReceived: "Received", "已接收";
    FileTakenBack: "Taken back", "已撤回";
    FileProgress: "{pct} % · {done} of {size}", "{pct}% · 已完成 {done} / {size}";
    FilePercent: "{pct} %", "已接收 {pct}%";
    FileSpeed: "{speed}/s · {eta} left", "{speed}/秒 · 剩余 {eta}";
    FileSeconds: "{n} s", "{n} 秒";
    FileMinutes: "{n} min", "{n} 分钟";
    FileHours: "{n} h", "{n} 小时";
    FilePreparing: "Reading the file…", "正在读取文件…";
    FileQueued: "Goes on when connected", "连接恢复后继续";
    FilePaused: "Paused", "已暂停";
    FilePause: "Pause", "暂停";
    FileResume: "Resume", "继续";
    FileCancel: "Cancel transfer", "取消传输";
    FileCancelAll: "Take back", "撤回";
    FileCancelOne: "Do not send to {name}", "不发给 {name}";
    FileStored: "On the server", "已上传到服务器";
    FileDone: "Saved · checksum OK", "已保存 · 校验通过";
    FileHad: "You have received this file.", "你已接收过此文件。";
    FileFolder: "Show in folder", "打开所在文件夹";
    FileOpen: "Open", "打开";
    FileExpired: "This file is not offered any more.", "此文件已不再提供。";
    FileHashBad: "Checksum differs. The file was removed.", "校验不一致，文件已删除。";
    FileDisk: "This computer’s disk is full.", "本机磁盘空间不足。";
    FileMissing: "The file is not there any more.", "文件已不存在。";
    FileChanged: "The file has changed since it was offered.", "文件在发送后被修改。";
    FileNoFolder: "Only files can be sent. Pack a folder into one first.", "只能发送文件，请先将文件夹打包。";
    FileTrouble: "The system refused: {why}", "系统拒绝：{why}";
    FileTooLarge: "The file is larger than this server takes.", "文件超出此服务器的大小限制。";
    FileQuota: "There is no room for it on the server.", "服务器上的空间不足。";
    FileServerFull: "The server’s disk is full.", "服务器磁盘已满。";
    FileProgram: "This kind of file can run programs. Open it only if you expect it.", "此类文件可以运行程序，确认可信后再打开。";
    FileDrop: "Drop to send to {to}", "松开即可发送给{to}";
    FileCard: "File {name}, {size}: {state}", "文件 {name}，{size}：{state}";
    FileMore: "and {n} more", "以及另外 {n} 人";
    FileNoDialog: "The system shows no file dialog. Drop files here, or paste them.", "系统无法显示文件对话框，请将文件拖放或粘贴到此处。";
    FileSavedTo: "Files you accept are saved in {path}.", "接收的文件保存在 {path}。";
    KeysFile: "Send files", "发送文件";

    // The connection
    ConnReconnect: "{why} Next try in {s} s.", "{why}{s} 秒后重试。";
    ConnConnecting: "Connecting…", "正在连接…";
    ConnNow: "Try now", "立即重试";
    ConnOffline: "Offline. Messages are kept and sent later.", "当前离线，消息会保留并稍后发送。";
    ConnLost: "The connection was lost.", "连接已断开。";
    ConnReplaced: "You were logged out: your account was logged in on another computer.", "你已下线：该账号在另一台电脑上登录。";
    ConnEndedWrong: "Your password is not accepted any more. Log in again.", "密码不再有效，请重新登录。";
    ConnAgain: "Log in again", "重新登录";

    // Searching and going
    SearchHere: "Search in this chat", "在此聊天中搜索";
    SearchCount: "{k} of {n}", "第 {k} / {n} 个";
    SearchPrevious: "Previous result", "上一个结果";
    SearchNext: "Next result", "下一个结果";
    SearchOlder: "Search older messages", "搜索更早的消息";
    SwitchTitle: "Go to…", "转到…";
    SwitchField: "Name of a person or a chat", "成员或聊天的名字";

    // Settings
    SetTitle: "Settings", "设置";
    SetGeneral: "General", "通用";
    SetAppearance: "Appearance", "外观";
    SetMessages: "Messages", "消息";
    SetNotifications: "Notifications", "通知";
    SetAccount: "Account", "账号";
    SetServer: "Server and trust", "服务器与信任";
    SetShortcuts: "Shortcuts", "快捷键";
    SetAbout: "About", "关于";
    SetMotion: "Reduce motion", "减少动画";
    SetContrast: "High contrast", "高对比度";
    SetSendWith: "Send messages with", "发送消息的按键";
    SetJoins: "Show who enters and leaves", "显示进出聊天室的提示";
    SetNotifyShow: "Notifications show", "通知显示";
    SetNotifyFull: "Name and message", "姓名和内容";
    SetNotifyName: "Name only", "仅姓名";
    SetNotifyNothing: "Only that there is something", "不显示姓名和内容";
    SetNotifyOff: "No notifications", "不通知";
    SetTest: "Send test notification", "发送测试通知";
    SetTested: "Sent. If nothing appeared, your desktop shows no notifications.", "已发送。如未出现，说明桌面未显示通知。";
    SetLogOut: "Log out", "退出登录";
    SetLoggedInAs: "Logged in as {user}", "当前账号：{user}";
    PassChange: "Change password", "修改密码";
    PassBusy: "Changing…", "正在修改…";
    PassOld: "Current password", "当前密码";
    PassNew: "New password", "新密码";
    PassAgain: "New password once more", "再次输入新密码";
    PassRule: "8 or more characters, and not a common one. Your other devices have to log in with it.", "至少 8 个字符，且不能过于常见。你的其他设备需要用它重新登录。";
    PassNoOld: "Type the current password.", "请输入当前密码。";
    PassNoNew: "Type the new password.", "请输入新密码。";
    PassDiffer: "The new password is not the same both times.", "两次输入的新密码不一致。";
    PassWrongOld: "The current password is wrong.", "当前密码不正确。";
    PassDone: "Your password is changed. Your other devices are logged out, and need the new one.", "密码已修改。你的其他设备已下线，需要用新密码登录。";
    PassUnknown: "The connection broke before the answer. Either password may count now: try the new one first.", "收到答复前连接已断开。新旧密码都可能有效，请先试新密码。";
    PassOffline: "It can be changed once you are connected again.", "重新连接后才能修改。";
    SetServerAddress: "Address", "地址";
    SetServerTrust: "Every connection is checked against this fingerprint. It is encrypted with TLS 1.3 and post-quantum key exchange. Who runs the server can read what is stored there.", "每次连接都会核对此指纹，并使用 TLS 1.3 和后量子密钥交换加密。服务器的管理者可以读取其中保存的内容。";
    AboutLine: "Version {version}. Free software, MIT or Apache-2.0.", "版本 {version}。自由软件，MIT 或 Apache-2.0 许可。";
    AboutFonts: "Fonts: Inter and Noto Sans SC (SIL Open Font License), Phosphor icons (MIT).", "字体：Inter 与 Noto Sans SC（SIL 开放字体许可），Phosphor 图标（MIT）。";
    QuitTitle: "Quit Sotto?", "退出 Sotto？";
    QuitWaiting: "{n} message has not been sent yet and would be lost.|{n} messages have not been sent yet and would be lost.", "还有 {n} 条消息未发送，退出后将丢失。";
    QuitYes: "Quit anyway", "仍要退出";

    // Keys
    KeysSwitch: "Go to a person or chat", "转到成员或聊天";
    KeysSearch: "Search in this chat", "在此聊天中搜索";
    KeysNextChat: "Next or previous chat", "下一个或上一个聊天";
    KeysNextUnread: "Next or previous unread chat", "下一个或上一个未读聊天";
    KeysRegions: "Next or previous part of the window", "窗口的下一个或上一个区域";
    KeysScroll: "Scroll the messages", "滚动消息";
    KeysEnds: "Oldest or newest message", "最早或最新的消息";
    KeysZoom: "Larger, smaller, normal", "放大、缩小、还原";
    KeysSettings: "Settings", "设置";
    KeysHelpName: "These shortcuts", "这些快捷键";
    KeysQuit: "Quit", "退出";
    KeysEsc: "Back one step; at last to the newest message", "后退一步，最后回到最新消息";
    KeysHelp: "Ctrl+/", "Ctrl+/";

    // Notifications
    NotifyNew: "New message", "新消息";
    NotifyNewIn: "New message in {chat}", "{chat} 有新消息";
    NotifyInChat: "{name} in {chat}", "{name} · {chat}";
    NotifyTest: "This is how a message will look.", "消息将这样显示。";

    // Dates
    DateThisYear: "{month} {day}", "{month}月{day}日";
    DateOther: "{month} {day}, {year}", "{year}年{month}月{day}日";
}
